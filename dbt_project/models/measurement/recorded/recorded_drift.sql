{{ recorded('drift') }}
