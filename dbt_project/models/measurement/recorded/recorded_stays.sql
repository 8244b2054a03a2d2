{{ recorded('stays') }}
