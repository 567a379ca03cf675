import { All, Body, Controller, Module, UseGuards } from '@nestjs/common';
import type { KeyMaterial, Verified } from 'signet-signing';
import { Signature, SignatureGuard, SignatureModule } from 'signet-signing/nest';

@Controller()
@UseGuards(SignatureGuard)
class OrdersController {
  @All('*')
  orders(@Signature() signature: Verified, @Body() order: unknown) {
    return { signature, order: order ?? null };
  }
}

export function nestBackend(keys: KeyMaterial[]) {
  @Module({ imports: [SignatureModule.forRoot({ keys })], controllers: [OrdersController] })
  class BackendModule {}
  return BackendModule; // NestFactory.create(BackendModule, adapter, { rawBody: true })
}
