<?php

declare(strict_types=1);

namespace Signet\Signing;

/** For all processes of one machine: an empty file for each accepted request, in a folder for each minute in which requests expire. */
final class DirectoryReplayStore implements ReplayStore
{
    /** @param string $directory made if it is not there. Nobody else may write to it, and it is on no network */
    public function __construct(private readonly string $directory)
    {
    }

    public function remember(string $id, int|float $expiresAt, int|float $now): bool
    {
        $minute = sprintf('%015.0F', floor($expiresAt / 60));
        $folder = "$this->directory/$minute";
        if (!is_dir($folder)) {
            $this->sweep($now);
            if (!@mkdir($folder, 0700, true) && !is_dir($folder)) {
                throw new \RuntimeException('the folder of the replay store cannot be written to');
            }
        }
        $path = "$folder/" . hash('sha256', $id);
        // Of two processes that create a file in this mode, one fails.
        $file = @fopen($path, 'x');
        if ($file === false) {
            clearstatcache(true, $path);
            return is_file($path) ? false : throw new \RuntimeException('the folder of the replay store cannot be written to');
        }
        fclose($file);
        return true;
    }

    /** Deletes what expired more than a minute ago. */
    private function sweep(int|float $now): void
    {
        $oldest = sprintf('%015.0F', floor($now / 60) - 1);
        foreach (@scandir($this->directory) ?: [] as $minute) {
            if (preg_match('/\A[0-9]{15}\z/', $minute) === 1 && strcmp($minute, $oldest) < 0) {
                array_map(@unlink(...), glob("$this->directory/$minute/*") ?: []);
                @rmdir("$this->directory/$minute");
            }
        }
    }
}
