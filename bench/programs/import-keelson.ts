import 'keelson';
