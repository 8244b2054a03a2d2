{{ quarantined('ads') }}
