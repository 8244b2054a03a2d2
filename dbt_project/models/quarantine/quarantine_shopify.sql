{{ quarantined('shopify') }}
