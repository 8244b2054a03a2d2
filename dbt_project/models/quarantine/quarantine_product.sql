{{ quarantined('product') }}
