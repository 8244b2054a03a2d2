{{ quarantined('metronome') }}
