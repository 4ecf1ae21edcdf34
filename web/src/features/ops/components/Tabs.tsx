import { NavLink } from 'react-router';
import { useService } from '@/lib/services';
import classes from './ops.module.css';

const tabs = [
  { to: '/ops/jobs', name: 'Jobs', fetches: false },
  { to: '/ops/schedules', name: 'Schedules', fetches: true },
  { to: '/ops/webhooks', name: 'Deliveries', fetches: true },
  { to: '/ops/health', name: 'Health', fetches: false },
];

export function Tabs() {
  const fetches = useService('scraper') !== false;

  return (
    <nav className={classes.tabs} aria-label="Operations">
      {tabs.filter((tab) => fetches || !tab.fetches).map(({ to, name }) => <NavLink key={to} to={to} className={classes.tab}>{name}</NavLink>)}
    </nav>
  );
}
