/**
 * Makes the Content-Security-Policy and Ant Design fit, before anything else is loaded. Ant Design assigns the text of its style elements
 * through innerHTML, so the only markup that passes is text without `<`; two of its parts make style elements without the nonce.
 */
const nonce = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? '';

interface TrustedTypes {
  createPolicy(name: string, rules: { createHTML(text: string): string }): unknown;
}
(globalThis as { trustedTypes?: TrustedTypes }).trustedTypes?.createPolicy('default', {
  createHTML(text) {
    if (text.includes('<')) throw new TypeError('Markup is refused.');
    return text;
  },
});

const createElement = document.createElement.bind(document);
document.createElement = (name: string, options?: ElementCreationOptions) => {
  const element = createElement(name, options);
  if (name.toLowerCase() === 'style') element.setAttribute('nonce', nonce);
  return element;
};

/** The nonce of this page, for what adds styles. */
export const NONCE = nonce;
