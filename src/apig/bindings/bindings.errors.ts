import { ApiNotFound, PublicationNotFound } from '../apis/apis.errors.js';
import { ContractError, invalid } from '../../platform/common/api-error.js';
import { SignNotFound, SignUnreadable } from '../signs/signs.errors.js';

export class BindingNotFound extends ContractError {
  constructor() {
    super(404, 'APIG.3018', 'The signature key binding record does not exist');
  }
}

/** Errors that only some operations return (docs/contracts/apig.md §2.5). */
export const BINDING_ERRORS = {
  bind: [
    invalid('sign_id', { code: 'APIG.2012' }),
    new SignNotFound('{sign_id}'),
    new SignUnreadable('{sign_id}'),
    new PublicationNotFound(),
  ],
  unbind: [invalid('id', { where: 'path' }), new BindingNotFound()],
  ofSign: [new SignNotFound('{sign_id}')],
  ofApi: [new ApiNotFound('{api_id}')],
};
