{{ recorded('candidates') }}
