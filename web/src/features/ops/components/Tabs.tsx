import { NavLink } from 'react-router';
import classes from './ops.module.css';

const tabs = [
  { to: '/ops/jobs', name: 'Jobs' },
  { to: '/ops/schedules', name: 'Schedules' },
  { to: '/ops/webhooks', name: 'Deliveries' },
  { to: '/ops/health', name: 'Health' },
];

export function Tabs() {
  return (
    <nav className={classes.tabs} aria-label="Operations">
      {tabs.map(({ to, name }) => <NavLink key={to} to={to} className={classes.tab}>{name}</NavLink>)}
    </nav>
  );
}
