"""Every sentence that ragapp says of its own: errors, answers, the page; Chinese beside English."""
