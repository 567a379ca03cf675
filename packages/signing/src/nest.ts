/** `signet-signing/nest` is a separate entry point, so that the main one does not load Nest. */
import {
  type CanActivate,
  createParamDecorator,
  type DynamicModule,
  type ExecutionContext,
  HttpException,
  Inject,
  Injectable,
  Module,
} from '@nestjs/common';
import type { IncomingMessage } from 'node:http';
import { answerTo } from './answers.js';
import { concluded, DEFAULT_LIMIT_BYTES, type FrameworkRequest, type MiddlewareOptions, rawBodyOf, verifierOf } from './raw-body.js';
import type { Verifier } from './verifier.js';
import type { Verified } from './verify.js';

const OPTIONS = Symbol('signet-signing options');

/**
 * Refuses requests without a valid signature: 401, 413 or 503 with `{code, hint}`. Create the application with `rawBody: true`, on Fastify or
 * Express.
 */
@Injectable()
export class SignatureGuard implements CanActivate {
  private readonly verifier: Verifier;
  private readonly limitBytes: number;

  constructor(@Inject(OPTIONS) options: MiddlewareOptions) {
    this.verifier = verifierOf(options);
    this.limitBytes = options.limitBytes ?? DEFAULT_LIMIT_BYTES;
  }

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<FrameworkRequest & { raw?: IncomingMessage }>();
    const { method = '', headers } = request;
    const head = { method, url: request.originalUrl ?? request.url ?? '', headers };
    const begun = await this.verifier.begin(head);
    const verdict = begun.ok ? await concluded(begun, await rawBodyOf(request, request.raw ?? request, this.limitBytes)) : begun;
    if (!this.verifier.passes(verdict, head) && !verdict.ok) {
      const { status, headers, body } = answerTo(verdict);
      const response = context.switchToHttp().getResponse<{ header(name: string, value: string): unknown }>();
      for (const [name, value] of Object.entries(headers)) response.header(name, value);
      throw new HttpException(body, status);
    }
    if (verdict.ok) request.signature = verdict;
    return true;
  }
}

@Module({})
export class SignatureModule {
  /** Provides {@link SignatureGuard} for `@UseGuards` in every module. */
  static forRoot(options: MiddlewareOptions): DynamicModule {
    return {
      module: SignatureModule,
      global: true,
      providers: [{ provide: OPTIONS, useValue: options }, SignatureGuard],
      exports: [OPTIONS, SignatureGuard],
    };
  }
}

/** Parameter decorator of a guarded route: the verified signature. */
export const Signature = createParamDecorator((_: unknown, context: ExecutionContext): Verified | undefined => {
  return context.switchToHttp().getRequest<FrameworkRequest>().signature ?? undefined;
});
