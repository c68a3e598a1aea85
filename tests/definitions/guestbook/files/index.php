<?php
$d = parse_ini_file('/etc/guestbook/database.ini');
$pdo = new PDO("pgsql:host={$d['host']};dbname={$d['name']}", $d['user'], $d['password']);
if (isset($_GET['name'])) {
    $pdo->prepare('INSERT INTO guests VALUES (?)')->execute([$_GET['name']]);
}
echo $pdo->query('SELECT count(*) FROM guests')->fetchColumn(), " guests\n";
