import { useParams } from 'react-router';
import { useSession } from '../app/session.ts';

/** The project and the gateway that a page is about: the token's project, and the gateway in the address. */
export function usePlace(): { project_id: string; instance_id: string } {
  const { instance } = useParams();
  const session = useSession();
  return { project_id: session?.project.id ?? '', instance_id: instance ?? '' };
}
