<?php
define('DB_NAME', '{{ database.wordpress.name }}');
define('DB_USER', '{{ database.wordpress.user }}');
define('DB_PASSWORD', '{{ database.wordpress.password }}');
define('DB_HOST', '{{ database.wordpress.host }}');
define('DB_CHARSET', 'utf8mb4');
define('WP_CONTENT_DIR', '/var/lib/wordpress/wp-content');
define('WP_SITEURL', 'http://{{ host.address }}/blog');
define('WP_HOME', WP_SITEURL);
