{{ recorded('snapshots') }}
