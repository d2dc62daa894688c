"""Files over SFTP: a client that proves what it stored, which files are whole, a server for demo and tests."""
