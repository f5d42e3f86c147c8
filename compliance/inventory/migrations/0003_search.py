

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('inventory', '0002_rules'),
    ]

    operations = [
        migrations.CreateModel(
            name='Search',
            fields=[
                ('region', models.CharField(max_length=32, primary_key=True, serialize=False)),
                ('at', models.DateTimeField()),
            ],
        ),
    ]
