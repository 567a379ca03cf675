import type { INestApplication } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import type { onRequestHookHandler } from 'fastify';
import { VERSION } from '../config/version.js';
import { complete } from './complete.js';
import { ERROR_SCHEMAS } from './errors.js';
import { ABOUT, TAGS } from './words.js';

const REFERENCE = '/docs';

/** Allows the reference page to load resources of this service only. */
const CONTENT_SECURITY_POLICY =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'";

const base = (): Omit<OpenAPIObject, 'paths'> => ({
  openapi: '3.1.0',
  info: {
    title: 'Signet',
    version: VERSION,
    description: ABOUT,
    license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
  },
  servers: [{ url: '/', description: 'The service that serves this document' }],
  security: [{ token: [] }, { signature: [] }],
  tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
  components: {
    schemas: { ...ERROR_SCHEMAS },
    securitySchemes: {
      api_key: { type: 'http', scheme: 'bearer', description: 'An API key from POST /v1/api-keys or `signet admin api-key create`' },
      machine: {
        type: 'http',
        scheme: 'bearer',
        description: 'The token of a credential for the gateway in the path, from POST …/gateway-tokens or `signet admin gateway-token`',
      },
      signature: {
        type: 'apiKey',
        in: 'header',
        name: 'Authorization',
        description:
          'A signature with an access key: `SDK-HMAC-SHA256 Access=…, SignedHeaders=…, Signature=…` and `X-Sdk-Date`; for a temporary key also `X-Security-Token`. If the path names no project, the signature must cover `X-Project-Id`',
      },
      token: {
        type: 'apiKey',
        in: 'header',
        name: 'X-Auth-Token',
        description: 'A token from POST /v3/auth/tokens, scoped to the project',
      },
    },
  },
});

/**
 * Returns the OpenAPI document of the routes of all controllers.
 * @param app may be a preview, in which nothing runs
 */
export const describe = (app: INestApplication): OpenAPIObject => complete(SwaggerModule.createDocument(app, base()));

/**
 * Serves `/openapi.json` and the API reference at `/docs`, both rendered once. They are public: they are registered on the adapter, without
 * the guard.
 */
export function serveReference(app: NestFastifyApplication): void {
  const policy: onRequestHookHandler = (_request, reply, done) => {
    reply.header('content-security-policy', CONTENT_SECURITY_POLICY);
    done();
  };
  const server = app.getHttpAdapter().getInstance();
  server.addHook('onRoute', (route) => {
    if (`${route.url}/`.startsWith(`${REFERENCE}/`)) route.onRequest = [route.onRequest ?? [], policy].flat();
  });
  let document: OpenAPIObject | undefined;
  let text: Buffer | undefined;
  const described = () => (document ??= describe(app));
  server.get('/openapi.json', (_request, reply) => {
    text ??= Buffer.from(JSON.stringify(described()));
    return reply.type('application/json; charset=utf-8').send(text);
  });
  SwaggerModule.setup(REFERENCE, app, described, {
    raw: false,
    customSiteTitle: 'Signet API reference',
    // Disabled, because the default would send the address of the document to an external validator.
    swaggerOptions: { validatorUrl: null, displayOperationId: true, docExpansion: 'none' },
  });
}
