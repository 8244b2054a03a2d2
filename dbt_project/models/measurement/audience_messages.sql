{{ declared_messages() }}
