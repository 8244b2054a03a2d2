{{ quarantined('billing') }}
