{{ quarantined('web') }}
