{{ quarantined('shop') }}
