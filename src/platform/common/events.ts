/** Events that an endpoint can subscribe to (docs/webhooks.md "Events"): message `type`, and the fields of its `data`. */
export const EVENTS = {
  /** Half of the time until an endpoint is disabled has passed. */
  'endpoint.failing': ['endpoint_id', 'failing_since', 'disables_at'],
  'endpoint.disabled': ['endpoint_id', 'failing_since', 'reason'],
  'signing_key.created': ['endpoint_id', 'signing_key_id', 'key_type', 'key_hint', 'origin', 'by'],
  /** One day before expiry, or at once when less is left. */
  'signing_key.expiring': ['endpoint_id', 'signing_key_id', 'key_type', 'key_hint', 'expires_at'],
  /** `reason`: `deleted`, `expired` or `endpoint_deleted`. */
  'signing_key.deleted': ['endpoint_id', 'signing_key_id', 'key_type', 'key_hint', 'reason', 'by'],
  /** A gateway's signature key signs with its new secret. */
  'signature_key.promoted': ['instance_id', 'sign_id', 'version', 'retires', 'by'],
  /** The old secret is no longer accepted. */
  'signature_key.retired': ['instance_id', 'sign_id', 'version', 'by'],
  /** Delivery of a message has failed permanently. Not sent for cancelled or deleted messages, or after the deletion of the endpoint. */
  'message.dead': ['endpoint_id', 'message_id', 'attempts', 'response_status', 'error'],
} as const;

export type EventKind = keyof typeof EVENTS;
export const EVENT_KINDS = Object.keys(EVENTS) as EventKind[];

/** One event. */
export type OperationalEvent = {
  [Kind in EventKind]: { kind: Kind; data: Record<(typeof EVENTS)[Kind][number], string | number | null> };
}[EventKind];

/**
 * Changes to a project's resources that the service makes by itself when a time has come: the audit action, and the event that reports
 * it. Every periodic task names its own (periodic-task.ts).
 */
export const CLOCK_ACTS = {
  WarnFailingWebhookEndpoint: 'endpoint.failing',
  DisableWebhookEndpoint: 'endpoint.disabled',
  AnnounceSigningKeyEnd: 'signing_key.expiring',
  ExpireSigningKey: 'signing_key.deleted',
  PromoteSignatureKeyRotation: 'signature_key.promoted',
  RetireSignatureKeySecret: 'signature_key.retired',
} as const satisfies Record<string, EventKind>;

export type ClockAct = keyof typeof CLOCK_ACTS;
