import type { FastifyRequest } from 'fastify';

/** The label of an API key. Keys of both modes have access to the same endpoints and messages (docs/contracts/endpoints.md §1.9). */
export const API_KEY_MODES = ['live', 'test'] as const;
export type ApiKeyMode = (typeof API_KEY_MODES)[number];

/** Roles of a machine credential. */
export const MACHINE_ROLES = ['gateway', 'verifier'] as const;
export type MachineRole = (typeof MACHINE_ROLES)[number];

/** Metadata key of a route's access rule. */
export const ACCESS = Symbol('access');

export type Access =
  | { kind: 'public' }
  /** A valid token, whatever its scope and roles. */
  | { kind: 'authenticated'; actions: readonly string[] }
  /** A machine credential with this role, for the gateway in the path. */
  | { kind: 'machine'; role: MachineRole }
  /** A token that holds the action, of the project in the path if the path names one. */
  | { kind: 'action'; action: string | ((request: FastifyRequest) => string); actions: readonly string[] }
  /** A project or domain token that holds the action; the service checks which resource of the domain it covers. */
  | { kind: 'domain'; actions: readonly [action: string] }
  /** An API key of a project, or a project token that holds the action. The path names no project. */
  | { kind: 'project'; actions: readonly [action: string] };

/** Routes for load balancers and monitoring, exempt from rate limits. */
export const PROBES: ReadonlySet<string> = new Set(['/healthz', '/livez', '/readyz', '/metrics']);

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may call the route, checked before the body is read. Absent: nobody may, or the route has no controller. */
    access?: Access;
  }
}

/** OpenAPI extension that holds the access rule until src/platform/openapi describes it. It is not part of the published document. */
export const ACCESS_EXTENSION = 'x-signet-access';

/** The part of {@link Access} that can be serialised. */
export interface DeclaredAccess {
  kind: Access['kind'];
  actions: readonly string[];
  role?: MachineRole;
}
