"""Who is who: cgroups, containers and pods, the recently dead included."""
