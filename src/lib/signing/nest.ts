/** `signet/signing/nest`: apart from the main door, which loads no Nest. */
import {
  type CanActivate,
  createParamDecorator,
  type DynamicModule,
  type ExecutionContext,
  Inject,
  Injectable,
  Module,
  PayloadTooLargeException,
  UnauthorizedException,
} from '@nestjs/common';
import type { IncomingMessage } from 'node:http';
import { BodyTooLargeError, DEFAULT_LIMIT_BYTES, type FrameworkRequest, type MiddlewareOptions, rawBodyOf } from './raw-body.js';
import { createVerifier, type Verifier } from './verifier.js';
import type { Verified } from './verify.js';

const OPTIONS = Symbol('signet/signing options');

/** Refuses with 401 `{code, hint}` what is not signed. The application is created with `rawBody: true`, on Fastify or Express. */
@Injectable()
export class SignatureGuard implements CanActivate {
  private readonly verifier: Verifier;
  private readonly limitBytes: number;

  constructor(@Inject(OPTIONS) options: MiddlewareOptions) {
    this.verifier = createVerifier(options);
    this.limitBytes = options.limitBytes ?? DEFAULT_LIMIT_BYTES;
  }

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<FrameworkRequest & { raw?: IncomingMessage }>();
    const body = await rawBodyOf(request, request.raw ?? request, this.limitBytes).catch((error: unknown) => {
      throw error instanceof BodyTooLargeError ? new PayloadTooLargeException(error.message) : error;
    });
    const { method = '', headers } = request;
    const verdict = await this.verifier.verify({ method, url: request.originalUrl ?? request.url ?? '', headers, body });
    if (!verdict.ok) throw new UnauthorizedException({ code: verdict.code, hint: verdict.hint });
    request.signature = verdict;
    return true;
  }
}

@Module({})
export class SignatureModule {
  /** Makes {@link SignatureGuard} available for `@UseGuards` everywhere. */
  static forRoot(options: MiddlewareOptions): DynamicModule {
    return {
      module: SignatureModule,
      global: true,
      providers: [{ provide: OPTIONS, useValue: options }, SignatureGuard],
      exports: [OPTIONS, SignatureGuard],
    };
  }
}

/** Parameter of a guarded route: which key signed, and what. */
export const Signature = createParamDecorator((_: unknown, context: ExecutionContext): Verified | undefined => {
  return context.switchToHttp().getRequest<FrameworkRequest>().signature;
});
