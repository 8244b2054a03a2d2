{{ quarantined('messaging') }}
