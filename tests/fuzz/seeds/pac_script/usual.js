function FindProxyForURL(url, host) {
  if (isPlainHostName(host) || dnsDomainIs(host, ".corp.example") || shExpMatch(url, "*.local/*")) return "DIRECT";
  if (isInNet(dnsResolve(host), "10.0.0.0", "255.0.0.0") || weekdayRange("MON", "FRI", "GMT")) return "PROXY a:8080; DIRECT";
  alert(myIpAddress() + dnsDomainLevels(host));
  return dateRange(1, "JAN", 2026, 31, "DEC", 2027) && timeRange(8, 18) ? "SOCKS5 b:1080" : "HTTPS c:443";
}
