<?php
$DB['TYPE'] = 'MYSQL';
$DB['SERVER'] = '{{ database.zabbix.host }}';
$DB['PORT'] = '0';
$DB['DATABASE'] = '{{ database.zabbix.name }}';
$DB['USER'] = '{{ database.zabbix.user }}';
$DB['PASSWORD'] = '{{ database.zabbix.password }}';
$DB['SCHEMA'] = '';
$DB['ENCRYPTION'] = false;
$IMAGE_FORMAT_DEFAULT = IMAGE_FORMAT_PNG;
