<?php

declare(strict_types=1);

namespace Signet\Signing\Tests;

use Signet\Signing\DirectoryReplayStore;

test('a directory stores requests for all processes, forgets what has expired, and fails where it cannot write', static function (): void {
    $directory = sys_get_temp_dir() . '/replays-' . bin2hex(random_bytes(8));
    try {
        same(true, (new DirectoryReplayStore($directory))->remember('0', NOW + 900, NOW));
        same(false, (new DirectoryReplayStore($directory))->remember('0', NOW + 900, NOW + 1));
        same(true, (new DirectoryReplayStore($directory))->remember('0.0', NOW + 900, NOW));
        same(0700, fileperms("$directory/" . scandir($directory)[2]) & 0777);
        same(true, (new DirectoryReplayStore($directory))->remember('1', NOW + 2000, NOW + 959));
        same(3, \count(glob("$directory/*/*")));
        same(true, (new DirectoryReplayStore($directory))->remember('2', NOW + 3000, NOW + 1021));
        same(2, \count(glob("$directory/*/*")));
    } finally {
        exec('rm -r ' . escapeshellarg($directory));
    }
    thrown(\RuntimeException::class, static fn () => (new DirectoryReplayStore('/proc/no'))->remember('0', NOW, NOW));
});
