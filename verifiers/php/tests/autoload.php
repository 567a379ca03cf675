<?php

declare(strict_types=1);

// Without composer: the package from its sources, and Debian's packages.
spl_autoload_register(static function (string $class): void {
    if (str_starts_with($class, 'Signet\\Signing\\')) {
        $file = __DIR__ . '/../src/' . strtr(substr($class, 15), '\\', '/') . '.php';
        if (is_file($file)) {
            require $file;
        }
    }
});
require_once __DIR__ . '/../src/functions.php';
foreach (['phpseclib3', 'GuzzleHttp/Psr7'] as $package) {
    if (is_file("/usr/share/php/$package/autoload.php")) {
        require_once "/usr/share/php/$package/autoload.php";
    }
}
