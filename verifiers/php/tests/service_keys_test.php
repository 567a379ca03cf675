<?php

declare(strict_types=1);

namespace Signet\Signing\Tests;

use Psr\SimpleCache\CacheInterface;
use Signet\Signing\DirectoryKeyCache;
use Signet\Signing\Key;
use Signet\Signing\KeyCache;
use Signet\Signing\Psr16KeyCache;
use Signet\Signing\ServiceAnswer;
use Signet\Signing\ServiceConnection;
use Signet\Signing\ServiceKeys;
use Signet\Signing\Unanswered;
use Signet\Signing\Verifier;

const SCHEME = 'SDK-HMAC-SHA256';

/** A service that answers what the test says, and clocks that stand still. */
final class Service
{
    /** @var list<array{string, array<string, string>}> method and headers */
    public array $requests = [];
    /** @var list<string> */
    public array $log = [];
    public float $wall = 1000.0;
    public float $monotonic = 1000.0;
    public string $folder;
    /** @var list<ServiceAnswer|\Throwable|\Closure> the last one counts for ever */
    private array $answers;

    public function __construct(ServiceAnswer|\Throwable|\Closure ...$answers)
    {
        $this->folder = sys_get_temp_dir() . '/signet-keys-' . bin2hex(random_bytes(6));
        $this->answers = $answers;
    }

    public function __destruct()
    {
        array_map(unlink(...), glob("$this->folder/{,.}*[!.]", GLOB_BRACE) ?: []);
        @rmdir($this->folder);
    }

    public function answers(ServiceAnswer|\Throwable|\Closure ...$answers): void
    {
        $this->answers = $answers;
    }

    public function pass(float $seconds): void
    {
        $this->wall += $seconds;
        $this->monotonic += $seconds;
    }

    /** As a process of its own has it: only the folder is shared. */
    public function keys(?KeyCache $cache = null, ?string $tokenFile = null, string ...$other): ServiceKeys
    {
        return new ServiceKeys(
            url: 'https://signet.internal',
            instanceId: 'gw',
            name: 'orders',
            cache: $cache ?? new DirectoryKeyCache($this->folder),
            token: $tokenFile === null ? $other['token'] ?? 'sgw_token' : null,
            tokenFile: $tokenFile,
            log: function (string $line): void {
                $this->log[] = $line;
            },
            transport: function (string $method, string $url, array $headers): ServiceAnswer {
                same('https://signet.internal/signet/v1/instances/gw/verification-keys', $url);
                $this->requests[] = [$method, $headers];
                $answer = \count($this->answers) > 1 ? array_shift($this->answers) : $this->answers[0];
                $answer = $answer instanceof \Closure ? $answer($headers) : $answer;
                return $answer instanceof \Throwable ? throw $answer : $answer;
            },
            clocks: fn (): array => [$this->wall, $this->monotonic],
        );
    }
}

function served(int $revision, Key ...$keys): ServiceAnswer
{
    $versions = array_map(static fn (Key $key): array => ['sign_key' => $key->signKey, 'sign_secret' => $key->signSecret], $keys);
    $entries = $versions === [] ? [] : [['sign_id' => 'id-1', 'sign_type' => 'hmac', 'sign_algorithm' => null, 'versions' => $versions]];
    $body = json_encode(['instance_id' => 'gw', 'revision' => $revision, 'keys' => $entries], JSON_THROW_ON_ERROR);
    return new ServiceAnswer(200, ['etag' => "\"$revision-AAAAAAAAAAAAAAAA\""], $body);
}

/** What the service answers while nothing changes. */
function unchanged(string $etag = ''): ServiceAnswer
{
    return new ServiceAnswer(304, $etag === '' ? [] : ['etag' => $etag], '');
}

function asked(ServiceKeys $keys, ?Key $by = null): string
{
    return verdict(static fn () => (new Verifier($keys, now: clock(NOW)))->verify('POST', TARGET, signed(key: $by), 'body'));
}

test('keys are fetched once for all processes, their ETag is shown at once, and changes arrive with the next refresh', static function (): void {
    $service = new Service(served(1, key()), unchanged());
    same(['accepted', 'accepted'], [asked($service->keys()), asked($service->keys())]);
    $keys = $service->keys();
    same([true, 1, 0.0], [$keys->ready(), $keys->revision(), $keys->ageSeconds()]);
    $id = (string) $keys->processId();
    same(1, preg_match('/\A[A-Za-z0-9_-]{16}\z/', $id));
    $claims = ['authorization' => 'Bearer sgw_token', 'accept' => 'application/json', 'signet-verifier' => "orders/$id", 'signet-max-key-age' => '300'];
    same([['GET', $claims], ['GET', $claims + ['if-none-match' => '"1-AAAAAAAAAAAAAAAA"']]], $service->requests);
    $service->pass(4.9);
    $next = key(secret: 'another secret');
    $service->answers(served(2, key(), $next), unchanged('"3-AAAAAAAAAAAAAAAA"'));
    same(['accepted', 'signature_mismatch'], [asked($service->keys()), asked($service->keys(), $next)]);
    $service->pass(0.1);
    same(['accepted', 'accepted', 3], [asked($service->keys(), $next), asked($service->keys()), $service->keys()->revision()]);
    $service->pass(5);
    $service->answers(served(4), unchanged());
    same('unknown_key', asked($service->keys()));
    same(['orders/' . $id], array_values(array_unique(array_column(array_column($service->requests, 1), 'signet-verifier'))));
});

test('keys above their age are not used, by whichever clock, nor after another start of the machine', static function (): void {
    foreach (['wall' => 301.0, 'monotonic' => 301.0, 'other' => -500.0] as $clock => $seconds) {
        $service = new Service(served(1, key()), unchanged(), new Unanswered('no connection'));
        same('accepted', asked($service->keys()));
        $clock === 'wall' ? $service->wall += $seconds : $service->monotonic += $seconds;
        same('keys_unavailable', asked($service->keys()));
        same(false, $service->keys()->ready());
        $service->pass(10);
        $service->answers(served(2, key()), unchanged());
        same('accepted', asked($service->keys()));
    }
});

test('a service that fails is asked at intervals, and the keys are used up to their age', static function (): void {
    $service = new Service(served(1, key()), unchanged(), new ServiceAnswer(503, ['retry-after' => '60'], ''), new \RuntimeException('sgw_token'));
    same('accepted', asked($service->keys()));
    $service->pass(5);
    same(['accepted', 'accepted', 3], [asked($service->keys()), asked($service->keys()), \count($service->requests)]);
    for ($minute = 0; $minute < 5; ++$minute) {
        same('accepted', asked($service->keys()));
        $service->pass(59);
    }
    same(7, \count($service->requests));
    $service->pass(1);
    same('keys_unavailable', asked($service->keys()));
    same(['signet: the keys could not be fetched: the service answered 503'], $service->log);
});

test('a credential that has ended drops the keys at once, an answer that is none changes nothing', static function (): void {
    $another = new ServiceAnswer(200, ['etag' => '"2-A"'], str_replace('"gw"', '"other"', served(2)->body));
    $nothing = [[500, true], [301, true], [401, false], [403, false], [404, false], [409, false]];
    $wrong = [new ServiceAnswer(200, [], served(2)->body), new ServiceAnswer(200, ['etag' => '"2-A"'], '{'), new ServiceAnswer(200, ['etag' => '"2-A"'], '[]'), $another];
    $answers = array_map(static fn (array $each): array => [new ServiceAnswer($each[0], ['location' => 'https://other'], ''), $each[1]], $nothing);
    foreach ([...$answers, ...array_map(static fn (ServiceAnswer $answer): array => [$answer, true], $wrong)] as [$answer, $ready]) {
        $service = new Service(served(1, key()), unchanged(), $answer);
        same('accepted', asked($service->keys()));
        $id = $service->keys()->processId();
        $service->pass(5);
        same($ready ? 'accepted' : 'keys_unavailable', asked($service->keys()));
        $service->pass(5);
        $service->answers(served(3, key()), unchanged());
        same(['accepted', 3], [asked($service->keys()), $service->keys()->revision()]);
        // A process that has left is another one when it comes back.
        same($answer->status !== 409, $service->keys()->processId() === $id);
        same(false, str_contains(implode($service->log), 'sgw_token'));
    }
});

test('while one process fetches keys, others go on with those that are there, or wait for the first ones', static function (): void {
    $service = new Service(served(1, key()));
    $cache = new WatchedCache($service->folder);
    $service->answers(served(1, key()), unchanged(), static function () use ($service, $cache): ServiceAnswer {
        // Another process, during the refresh of this one.
        same(['accepted', 3], [asked($service->keys($cache)), \count($service->requests)]);
        return unchanged();
    });
    same('accepted', asked($service->keys($cache)));
    $service->pass(5);
    same('accepted', asked($service->keys($cache)));
    same(3, \count($service->requests));
    // The first keys; the refresh; the look-ups of the other process.
    same([7.0, 0.0, 0.0, 0.0, 0.0], $cache->waits);
});

test('the cache has no key in clear, and opens with its token on its machine alone', static function (): void {
    $service = new Service(served(1, key()), unchanged());
    same('accepted', asked($service->keys()));
    $id = $service->keys()->processId();
    [$file] = glob("$service->folder/keys-*[0-9a-f]") ?: [''];
    $text = (string) file_get_contents($file);
    same([0100600, false], [fileperms($file), str_contains($text, base64_encode('Secret')) || str_contains($text, 'Secret')]);
    $service->answers(new Unanswered('no connection'));
    same('keys_unavailable', asked($service->keys(token: 'another')));
    // Written over by the other token, so fetched anew, by the same process in receipts.
    $service->pass(5);
    $service->answers(served(2, key()), unchanged());
    same(['accepted', $id], [asked($service->keys()), $service->keys()->processId()]);
    // Changed, or moved from elsewhere.
    foreach ([substr($text, 0, -5) . 'AAAA=', 'signet1', ''] as $forged) {
        file_put_contents($file, $forged);
        $service->answers(served(2, key()), unchanged());
        $before = \count($service->requests);
        same('accepted', asked($service->keys()));
        same(true, \count($service->requests) > $before);
    }
    same(false, str_contains(print_r($service->keys(), true), 'sgw_token'));
});

test('a renewed token is read without a restart, and an unreadable one refuses', static function (): void {
    $service = new Service(served(1, key()), unchanged());
    mkdir($service->folder);
    $file = "$service->folder/token";
    same('keys_unavailable', asked($service->keys(tokenFile: $file)));
    foreach (['first', 'second'] as $token) {
        file_put_contents($file, "$token\n");
        $service->answers(served(1, key()), unchanged());
        same('accepted', asked($service->keys(tokenFile: $file)));
        same("Bearer $token", end($service->requests)[1]['authorization']);
    }
});

test('report-only mode claims nothing in receipts, also through a function of your own, and shares no keys with those that refuse', static function (): void {
    $service = new Service(served(1, key()), unchanged());
    same('accepted', asked($service->keys()));
    $service->requests = [];
    $service->answers(served(1, key()));
    $direct = $service->keys();
    $verifiers = [new Verifier($direct, reportOnly: true, now: clock(NOW))];
    // A probe comes before the first request.
    same(true, $direct->ready());
    $service->pass(5);
    $indirect = $service->keys();
    $verifiers[] = new Verifier(static function (string ...$asked) use ($indirect): \Generator {
        yield from $indirect->keysFor(...$asked);
    }, reportOnly: true, now: clock(NOW));
    foreach ($verifiers as $verifier) {
        same('accepted', verdict(static fn () => $verifier->verify('POST', TARGET, signed(), 'body')));
        $service->pass(5);
    }
    same(null, $direct->processId());
    $headers = ['authorization' => 'Bearer sgw_token', 'accept' => 'application/json', 'signet-verifier' => 'orders'];
    same(3, \count($service->requests));
    same([['GET', $headers]], array_values(array_unique($service->requests, SORT_REGULAR)));
});

test('a cache of PSR-16 works too, and claims nothing unless it is consistent', static function (): void {
    foreach ([false, true] as $consistent) {
        $service = new Service(served(1, key()), unchanged());
        mkdir($service->folder);
        $cache = new Psr16KeyCache(new ArrayCache(), $service->folder, $consistent);
        same(['accepted', 'accepted'], [asked($service->keys($cache)), asked($service->keys($cache))]);
        same($consistent, isset($service->requests[0][1]['signet-max-key-age']));
        same($consistent ? 2 : 1, \count($service->requests));
    }
});

test('leaving drops the keys and tells the service, which knows the next process by another id', static function (): void {
    $service = new Service(served(1, key()), unchanged());
    same('accepted', asked($service->keys()));
    $id = $service->keys()->processId();
    $service->answers(new ServiceAnswer(204, [], ''), served(1, key()), unchanged());
    $service->keys()->leave();
    same(['DELETE', "orders/$id"], [$service->requests[2][0], $service->requests[2][1]['signet-verifier']]);
    same('accepted', asked($service->keys()));
    same(false, $service->keys()->processId() === $id);
    same(true, $service->keys()->refresh());
});

test('a key that cannot be used is left out alone, and of a pair the public half is kept', static function (): void {
    $entries = [
        ['sign_id' => 'id-2', 'sign_type' => 'new_type', 'sign_algorithm' => null, 'versions' => [['sign_key' => 'k', 'sign_secret' => 's']]],
        ['sign_id' => 'id-3', 'sign_type' => 'http-message-signatures', 'sign_algorithm' => 'ed25519', 'versions' => [['sign_key' => PUBLIC_HALF, 'sign_secret' => PRIVATE_HALF]]],
    ];
    $answer = json_decode(served(1, key())->body, true);
    $answer['keys'] = [...$answer['keys'], ...$entries];
    $service = new Service(new ServiceAnswer(200, ['etag' => '"1-A"'], (string) json_encode($answer)), unchanged());
    $keys = $service->keys();
    same('accepted', asked($keys));
    $found = [...$keys->keysFor('poqkLGiymh_W0uP6PZFw-dvez3QJT5SolqXBCW38r0U', 'ed25519')];
    same([['id-3', null]], array_map(static fn (Key $key): array => [$key->id, $key->signSecret], $found));
    same(['signet: the key id-2 is not used: a key has a signType, its algorithm and a signKey'], $service->log);
});

test('wrong options are errors', static function (): void {
    $right = ['url' => 'https://signet.internal', 'instanceId' => 'gw', 'name' => 'orders', 'token' => 't', 'cache' => new DirectoryKeyCache('/nowhere')];
    new ServiceKeys(...$right);
    new ServiceKeys(...['url' => 'http://[::1]:1/signet/'] + $right);
    $wrong = [
        ['url' => 'http://signet.internal'], ['url' => 'http://127.0.0.1.evil.example'], ['url' => 'ftp://127.0.0.1'], ['url' => 'https://user@host'],
        ['url' => 'https://host?a'], ['url' => "https://host/\r\nx: y"], ['instanceId' => ''], ['name' => 'a/b'], ['name' => ''], ['token' => ''],
        ['tokenFile' => '/dev/null'], ['maxAgeSeconds' => 9], ['maxAgeSeconds' => 2_592_001], ['refreshSeconds' => 151], ['refreshSeconds' => NAN],
        ['timeoutSeconds' => 0.0],
    ];
    foreach ($wrong as $each) {
        thrown(\InvalidArgumentException::class, static fn () => new ServiceKeys(...$each + $right));
    }
});

test('a folder that cannot be written to refuses, and says so', static function (): void {
    $service = new Service(served(1, key()));
    touch($service->folder);
    same('keys_unavailable', asked($service->keys()));
    same('signet: the keys could not be kept: the folder of the keys cannot be made', $service->log[0]);
    unlink($service->folder);
});

/** What a peer sends that has accepted the connection, and does not close it. */
function answered(string $bytes, float $seconds = 30): ServiceAnswer
{
    $listener = stream_socket_server('tcp://127.0.0.1:0');
    $context = stream_context_create();
    if ($listener === false) {
        throw new Failure('no socket');
    }
    $address = 'tcp://' . stream_socket_get_name($listener, false);
    $child = pcntl_fork();
    if ($child === 0) {
        $peer = stream_socket_accept($listener, 60);
        while (!\in_array(fgets($peer), ["\r\n", false], true)) {
        }
        // In two parts, which may arrive as one.
        fwrite($peer, substr($bytes, 0, 20));
        fwrite($peer, substr($bytes, 20));
        stream_get_contents($peer);
        posix_kill(getmypid(), SIGKILL);
    }
    try {
        return ServiceConnection::ask($address, $context, "GET / HTTP/1.1\r\n\r\n", $seconds);
    } finally {
        posix_kill($child, SIGKILL);
        pcntl_waitpid($child, $status);
    }
}

test('an answer is over when it is complete, although the connection stays open, and a peer that does not answer is left', static function (): void {
    if (!\function_exists('pcntl_fork')) {
        return;
    }
    same('abc', answered("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nETag: x\r\n\r\nabc")->body);
    $chunked = answered("HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n");
    same([200, 'abc'], [$chunked->status, $chunked->body]);
    $none = answered("HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\nETag:  \"7-A\" \r\n\r\n");
    same([304, '"7-A"', ''], [$none->status, $none->headers['etag'], $none->body]);
    foreach (['', "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc"] as $bytes) {
        same('the service did not answer in time', thrown(Unanswered::class, static fn () => answered($bytes, 0.2)));
    }
    foreach (["SSH-2.0-OpenSSH\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"] as $bytes) {
        same('the answer is not one of HTTP/1.1', thrown(Unanswered::class, static fn () => answered($bytes)));
    }
    same('the answer is too long', thrown(Unanswered::class, static fn () => answered("HTTP/1.1 200 OK\r\nContent-Length: 67108865\r\n\r\n")));
    // Nobody listens at the port of a socket that is closed.
    $listener = stream_socket_server('tcp://127.0.0.1:0');
    $address = 'tcp://' . stream_socket_get_name($listener, false);
    fclose($listener);
    $failed = thrown(Unanswered::class, static fn () => ServiceConnection::ask($address, stream_context_create(), '', 5));
    same('no connection to the service: Connection refused', $failed);
});

/** A cache of PSR-16, which Debian has no package of: what is used of it. */
final class ArrayCache implements CacheInterface
{
    /** @var array<string, mixed> */
    private array $values = [];

    public function get(string $key, mixed $default = null): mixed
    {
        same(1, preg_match('/\A[A-Za-z0-9_.]{1,64}\z/', $key));
        return $this->values[$key] ?? $default;
    }

    public function set(string $key, mixed $value, null|int|\DateInterval $ttl = null): bool
    {
        $this->values[$key] = $value;
        return true;
    }

    public function delete(string $key): bool
    {
        unset($this->values[$key]);
        return true;
    }
}

/** A folder that notes how long its users would wait for each other. */
final class WatchedCache implements KeyCache
{
    /** @var list<float> */
    public array $waits = [];
    private readonly DirectoryKeyCache $cache;

    public function __construct(string $directory)
    {
        $this->cache = new DirectoryKeyCache($directory);
    }

    public function read(string $name): ?string
    {
        return $this->cache->read($name);
    }

    public function write(string $name, string $text): void
    {
        $this->cache->write($name, $text);
    }

    public function delete(string $name): void
    {
        $this->cache->delete($name);
    }

    public function exclusively(string $name, float $waitSeconds, \Closure $run): bool
    {
        $this->waits[] = $waitSeconds;
        return $this->cache->exclusively($name, $waitSeconds, $run);
    }

    public function isConsistent(): bool
    {
        return true;
    }
}
