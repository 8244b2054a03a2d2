{{ quarantined('support') }}
