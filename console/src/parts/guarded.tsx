import { Button, type ButtonProps, Tooltip } from 'antd';
import { useDenied } from '../api/permissions.ts';

/** A button for an action: disabled with the reason when the caller's roles do not allow it. */
export function GuardedButton({ action, denied: why, ...button }: ButtonProps & { action: string; denied?: string | undefined }) {
  const denied = useDenied()(action) ?? why;
  if (denied === undefined) return <Button {...button} />;
  return (
    <Tooltip title={denied}>
      {/* A disabled button takes no focus: the reason is on what surrounds it. */}
      <span tabIndex={0} role="note" aria-label={denied}>
        <Button {...button} disabled />
      </span>
    </Tooltip>
  );
}
