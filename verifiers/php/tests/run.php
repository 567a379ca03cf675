<?php

// Runs the package's own tests: php tests/run.php [FILE …]

declare(strict_types=1);

namespace Signet\Signing\Tests;

use Signet\Signing\Refused;

require __DIR__ . '/autoload.php';
require __DIR__ . '/psr.php';

// A warning or a deprecation of PHP is an error here.
set_error_handler(static function (int $level, string $text, string $file, int $line): bool {
    if ((error_reporting() & $level) === 0) {
        return false;
    }
    throw new \ErrorException($text, 0, $level, $file, $line);
});

final class Failure extends \Exception
{
}

/** @var array<string, \Closure> $tests */
$tests = [];

function test(string $title, \Closure $run): void
{
    global $tests;
    if (isset($tests[$title])) {
        throw new \LogicException("two tests have the title $title");
    }
    $tests[$title] = $run;
}

function same(mixed $expected, mixed $given, string $what = ''): void
{
    if ($expected !== $given) {
        throw new Failure("$what expected " . var_export($expected, true) . ', got ' . var_export($given, true));
    }
}

/** The code of a refusal, 'accepted' if there is none. */
function verdict(\Closure $verify): string
{
    try {
        $verify();
        return 'accepted';
    } catch (Refused $refused) {
        return $refused->refusal->code;
    }
}

/** @param class-string<\Throwable> $class */
function thrown(string $class, \Closure $run): string
{
    try {
        $run();
    } catch (\Throwable $error) {
        same($class, $error::class);
        return $error->getMessage();
    }
    throw new Failure("$class was not thrown");
}

$files = \array_slice($argv, 1) ?: glob(__DIR__ . '/*_test.php');
foreach ($files as $file) {
    require $file;
}
$failed = 0;
foreach ($tests as $title => $run) {
    try {
        $run();
    } catch (\Throwable $error) {
        ++$failed;
        echo "FAILED: $title\n  ", $error::class, ': ', $error->getMessage(), "\n  ", $error->getTraceAsString(), "\n";
    }
}
echo \count($tests), ' tests, ', $failed, " failed\n";
exit($failed === 0 && $tests !== [] ? 0 : 1);
