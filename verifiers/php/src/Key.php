<?php

declare(strict_types=1);

namespace Signet\Signing;

/** A signature key as the control plane returns it. Dumps and JSON do not show its halves. */
final class Key implements \JsonSerializable
{
    /**
     * @param string $signType `hmac`, `basic`, `aes`, `public_key` or `http-message-signatures`
     * @param string|null $signSecret leave it out for `public_key` and for Ed25519: a verifier needs the public half only
     * @param string|null $signAlgorithm `aes-128-cfb` or `aes-256-cfb` for `aes`, `ed25519` or `hmac-sha256` for `http-message-signatures`; ignored
     *     otherwise
     * @param string|null $id reported as `keyId`; default: the id in the Authorization header
     */
    public function __construct(
        public readonly string $signType,
        #[\SensitiveParameter] public readonly string $signKey,
        #[\SensitiveParameter] public readonly ?string $signSecret = null,
        public readonly ?string $signAlgorithm = null,
        public readonly ?string $id = null,
    ) {
    }

    /** Whether both sign the same. Another id alone makes no other key. */
    public function signsAs(self $other): bool
    {
        return $this->signType === $other->signType && $this->signKey === $other->signKey
            && $this->signSecret === $other->signSecret && $this->signAlgorithm === $other->signAlgorithm;
    }

    /** @return array<string, string|null> */
    public function __debugInfo(): array
    {
        return ['signType' => $this->signType, 'id' => $this->id];
    }

    /** @return array<string, string|null> */
    public function jsonSerialize(): array
    {
        return $this->__debugInfo();
    }

    /** @return never */
    public function __serialize(): array
    {
        throw new \LogicException('a key is not serialized: it would be stored in clear');
    }
}
