<?php

declare(strict_types=1);

namespace Signet\Signing;

/** Files in a folder, for all processes of one machine. */
final class DirectoryKeyCache implements KeyCache
{
    /** @param string $directory made if it is not there. Nobody else may write to it, and it is on no network */
    public function __construct(private readonly string $directory)
    {
    }

    public function read(string $name): ?string
    {
        $text = @file_get_contents($this->path($name));
        return $text === false ? null : $text;
    }

    public function write(string $name, #[\SensitiveParameter] string $text): void
    {
        $this->make();
        // Readers find the old file or the new one, and never a part.
        $new = $this->path($name) . '.' . bin2hex(random_bytes(8));
        if (@file_put_contents($new, $text) !== \strlen($text) || !@chmod($new, 0600) || !@rename($new, $this->path($name))) {
            @unlink($new);
            throw new \RuntimeException('the folder of the keys cannot be written to');
        }
    }

    public function delete(string $name): void
    {
        @unlink($this->path($name));
    }

    public function exclusively(string $name, float $waitSeconds, \Closure $run): bool
    {
        $this->make();
        return LockFile::hold($this->path($name) . '.lock', $waitSeconds, $run);
    }

    public function isConsistent(): bool
    {
        return true;
    }

    private function make(): void
    {
        if (!is_dir($this->directory) && !@mkdir($this->directory, 0700, true) && !is_dir($this->directory)) {
            throw new \RuntimeException('the folder of the keys cannot be made');
        }
    }

    private function path(string $name): string
    {
        return "$this->directory/$name";
    }
}
