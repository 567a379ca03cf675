<?php

// Interfaces of PSR-15 and PSR-16, which Debian has no packages of: what is used of them.

declare(strict_types=1);

namespace Psr\Http\Server {
    use Psr\Http\Message\ResponseInterface;
    use Psr\Http\Message\ServerRequestInterface;

    if (!interface_exists(RequestHandlerInterface::class)) {
        interface RequestHandlerInterface
        {
            public function handle(ServerRequestInterface $request): ResponseInterface;
        }

        interface MiddlewareInterface
        {
            public function process(ServerRequestInterface $request, RequestHandlerInterface $handler): ResponseInterface;
        }
    }
}

namespace Psr\SimpleCache {
    if (!interface_exists(CacheInterface::class)) {
        interface CacheInterface
        {
            public function get(string $key, mixed $default = null): mixed;

            public function set(string $key, mixed $value, null|int|\DateInterval $ttl = null): bool;

            public function delete(string $key): bool;
        }
    }
}
