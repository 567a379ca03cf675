<?php

declare(strict_types=1);

namespace {
    // What the README's test of a backend uses of PHPUnit.
    if (!class_exists(PHPUnit\Framework\TestCase::class)) {
        eval('namespace PHPUnit\Framework; class TestCase { public static function assertSame(mixed $a, mixed $b): void { \Signet\Signing\Tests\same($a, $b); } }');
    }

    /** The application of that test. */
    function ordersApp(array $keys): Psr\Http\Server\RequestHandlerInterface
    {
        return new Signet\Signing\Tests\OrdersApp($keys);
    }
}

namespace Signet\Signing\Tests {
    use GuzzleHttp\Psr7\HttpFactory;
    use GuzzleHttp\Psr7\Response;
    use Psr\Http\Message\ResponseInterface;
    use Psr\Http\Message\ServerRequestInterface;
    use Psr\Http\Server\RequestHandlerInterface;
    use Signet\Signing\SignatureMiddleware;
    use Signet\Signing\Verifier;

    final class OrdersApp implements RequestHandlerInterface
    {
        public function __construct(private readonly array $keys)
        {
        }

        public function handle(ServerRequestInterface $request): ResponseInterface
        {
            $orders = new class () implements RequestHandlerInterface {
                public function handle(ServerRequestInterface $request): ResponseInterface
                {
                    return new Response(200);
                }
            };
            return (new SignatureMiddleware(new Verifier($this->keys), new HttpFactory(), new HttpFactory()))->process($request, $orders);
        }
    }

    test('every block of the README is PHP, its keys of a service have right options, and its test of a backend passes', static function (): void {
        preg_match_all('/^```php\n(.*?)^```$/ms', (string) file_get_contents(__DIR__ . '/../README.md'), $blocks);
        same(7, \count($blocks[1]));
        foreach (\array_slice($blocks[1], 1) as $block) {
            token_get_all("<?php\n$block", TOKEN_PARSE);
            if (str_contains($block, 'new ServiceKeys(') || str_contains($block, 'extends TestCase')) {
                eval($block);
            }
        }
        (new \OrdersTest())->testTakesSignedOrdersOnly();
    });
}
