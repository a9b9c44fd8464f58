package helpers

func init() {
	define(map[string]Func{
		"get_socket_cookie":  func(c *Call) uint64 { return c.env().SocketCookie },
		"get_netns_cookie":   getNetnsCookie,
		"get_cgroup_classid": func(c *Call) uint64 { return uint64(c.env().CgroupClass) },
		"get_route_realm":    func(c *Call) uint64 { return uint64(c.env().RouteRealm) },
	})
}

func getNetnsCookie(c *Call) uint64 {
	if n := c.env().NetnsCookie; n != 0 {
		return n
	}
	return 1
}
