/** The events to which an endpoint can subscribe (docs/webhooks.md "Events"): the message's `type`, and the fields of its `data`. */
export const EVENTS = {
  /** Sent when half of the time until the endpoint is disabled has passed. */
  'endpoint.failing': ['endpoint_id', 'failing_since', 'disables_at'],
  'endpoint.disabled': ['endpoint_id', 'failing_since', 'reason'],
  'signing_key.created': ['endpoint_id', 'signing_key_id', 'key_type', 'key_hint', 'origin', 'by'],
  /** Sent one day before the expiry, or at once when less time is left. */
  'signing_key.expiring': ['endpoint_id', 'signing_key_id', 'key_type', 'key_hint', 'expires_at'],
  /** Possible values of `reason`: `deleted`, `expired` and `endpoint_deleted`. */
  'signing_key.deleted': ['endpoint_id', 'signing_key_id', 'key_type', 'key_hint', 'reason', 'by'],
  /** Sent when a gateway's signature key begins to sign with its new secret. */
  'signature_key.promoted': ['instance_id', 'sign_id', 'version', 'retires', 'by'],
  /** Sent when the old secret is no longer accepted. */
  'signature_key.retired': ['instance_id', 'sign_id', 'version', 'by'],
  /**
   * Sent when the delivery of a message has failed permanently. Not sent for cancelled or deleted messages, or after the deletion of the
   * endpoint.
   */
  'message.dead': ['endpoint_id', 'message_id', 'attempts', 'response_status', 'error'],
} as const;

export type EventKind = keyof typeof EVENTS;
export const EVENT_KINDS = Object.keys(EVENTS) as EventKind[];

/** One event. */
export type OperationalEvent = {
  [Kind in EventKind]: { kind: Kind; data: Record<(typeof EVENTS)[Kind][number], string | number | null> };
}[EventKind];

/**
 * The changes to a project's resources that the service makes by itself at a certain time: the audit action, and the event that reports it.
 * Every periodic task names the changes that it makes (periodic-task.ts).
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
