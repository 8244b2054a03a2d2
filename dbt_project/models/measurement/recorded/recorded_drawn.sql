{{ recorded('drawn') }}
