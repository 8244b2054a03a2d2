{{ recorded('ledger') }}
