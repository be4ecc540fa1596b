output "site" {
  description = "Where visitors go."
  value       = "https://${var.domain}"
}

output "address" {
  description = "The machine's public address."
  value       = aws_eip.main.public_ip
}

output "instance_id" {
  description = "For deployments: scripts/deploy-opensource.sh --host ubuntu@ID."
  value       = aws_instance.main.id
}

output "session" {
  description = "A shell on the machine."
  value       = "aws ssm start-session --region ${var.region} --target ${aws_instance.main.id}"
}

output "backup_destination" {
  description = "Where the machine may keep its backups."
  value       = "s3://${aws_s3_bucket.backup.id}/${var.backup_prefix}/"
}

output "dns_records" {
  description = "What DNS must say; made already if zone_id was given."
  value = concat(
    ["${var.domain}. A ${aws_eip.main.public_ip}", "_dmarc.${var.domain}. TXT \"v=DMARC1; p=quarantine; adkim=r; aspf=r\""],
    [for token in local.dkim_tokens : "${token}._domainkey.${var.domain}. CNAME ${token}.dkim.amazonses.com."],
  )
}
