"""What operators take: dashboards, rules, images, units."""
