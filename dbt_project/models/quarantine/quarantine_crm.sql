{{ quarantined('crm') }}
