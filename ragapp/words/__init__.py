"""Every sentence that ragapp says of errors, Chinese beside English."""
